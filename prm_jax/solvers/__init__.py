"""Policy, verifier and search bound: problems in, judged rows out."""
