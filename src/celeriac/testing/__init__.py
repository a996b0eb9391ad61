"""What tests of Celeriac's users and of broker authors are made of: clocks, conformance suites, real servers.

Nothing here is imported by a running worker. ``celeriac.testing.conformance`` needs pytest and, for its state machine,
Hypothesis: ``pip install celeriac[test]``.
"""
