"""Rows to webhooks: pages of records, signed and posted. It knows no store and keeps no queue."""
