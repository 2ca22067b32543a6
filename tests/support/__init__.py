"""What tests share: builders, processes, projects."""
