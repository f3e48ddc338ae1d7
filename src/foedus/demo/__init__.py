"""The bloc of six: six nodes as separate processes, one treaty, real releases, every receipt checked."""
