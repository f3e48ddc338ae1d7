"""Who is acting here: people, their roles, and which role an act needs.

Every act carries a user. Roles (design: the people a node serves):

=================  ===================================================================
``analyst``        submits, vouches for terms, previews, answers hits
``supervisor``     approves and releases what was previewed; reviews a release that came first
``officer``        the data-protection officer: neutrality reviews, consents, quarantine
``reviewer``       examines challenges of persons, independent of who entered the item
``legal``          adopts, signs and ratifies treaties with the authority key
``auditor``        reads records and evidence, changes nothing
``administrator``  introduces peers, people and tokens
=================  ===================================================================

Beside it stands how people sign on: passwords, second factors, delays after failures, sessions,
ID tokens of the member's OpenID provider. Each is imported from its module; some need libraries.
"""

from foedus.access.people import (
    AccessDeniedError,
    AccessError,
    Actor,
    Role,
    require_role,
    user_name,
)

__all__ = ["AccessDeniedError", "AccessError", "Actor", "Role", "require_role", "user_name"]
