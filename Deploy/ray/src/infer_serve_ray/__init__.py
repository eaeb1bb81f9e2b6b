"""Replicas of infer-serve on Ray Serve."""
