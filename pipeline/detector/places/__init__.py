"""Places for attention in any backbone and neck: found when a study is planned, written into its plans."""
