"""The estimator held against measurements, the course's and anyone's own."""
