"""What analysts see: the dbt project as assets."""
