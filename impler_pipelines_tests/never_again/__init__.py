"""Short proofs, one a fault that importers of feeds are known for; ``test_never_again`` runs them.

A proof without arguments is pure; one that takes a ``World`` needs a store.
"""
