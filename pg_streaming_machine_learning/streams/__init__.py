"""The Faust side: fetch, call router or engine, hand on. Nothing here decides what a record means."""
