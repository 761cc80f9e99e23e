"""From originals to renditions: recipes, the decoder in its isolated workers, and the batches."""
