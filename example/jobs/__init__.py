"""The pages on which one watches jobs."""
