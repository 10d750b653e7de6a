"""Reports as one HTML page that needs nothing but itself: what they are made of, how they look, what they draw."""
