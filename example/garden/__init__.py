"""The demo site's project: a small blog about kitchen gardens."""
