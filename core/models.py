"""Every table of core: importing this module makes the MetaData complete."""

from core.access import models as access
from core.accounts import models as accounts
from core.audit import models as audit
from core.host import models as host
from core.intake import models as intake
from core.lists import models as lists
from core.store import models as store
from core.studies import models as studies
from core.tenancy import models as tenancy
from core.work import models as work

__all__ = ["access", "accounts", "audit", "host", "intake", "lists", "store", "studies", "tenancy", "work"]
