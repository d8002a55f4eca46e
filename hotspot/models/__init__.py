"""What process could make it: specifications that fit, and what they learned."""
