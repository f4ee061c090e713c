"""数据统计: panels of every plugin as charts and as tables."""
