"""Clients of the three servers, without business rules and without Dagster."""
