"""Commands of the people who look after the images."""
