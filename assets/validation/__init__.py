"""What is accepted as an image, decided from signatures and headers, without decoding."""
