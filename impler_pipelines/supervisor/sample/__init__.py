"""The bundled sample: an invented shop's feed, its server, an import job on it. Not for runs."""
