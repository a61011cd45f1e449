"""Measurements of the real code against plain references. ``make bench`` runs them all."""
