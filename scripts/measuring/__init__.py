"""What scripts/compare-peers and scripts/scale share."""
