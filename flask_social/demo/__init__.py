"""A demonstration that needs no account anywhere: ``python -m flask_social.demo``.

An application as its developer would write it (``app.py``, ``models.py``, ``views.py``), beside the stand-in
provider that plays Twitter, Facebook, Google, foursquare and a company's own login.
"""
