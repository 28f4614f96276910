"""A feature is an entity, a statistic and a window: defined once, computed by several engines."""
