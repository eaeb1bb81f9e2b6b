"""Replicas of infer-serve under recorded load, simulated: routing, scaling, failures and price."""
