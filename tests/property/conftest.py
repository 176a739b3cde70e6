"""The databases of this tier, and hypothesis without a clock."""

from hypothesis import HealthCheck, settings

from tests.databases import *  # noqa: F403

settings.register_profile("chainbell", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("chainbell")  # how long a test takes is no property
