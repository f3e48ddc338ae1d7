"""What is exchanged: STIX 2.1 objects as received, their markings, and the terms they travel on.

An item is the exact bytes of one version of one object (:mod:`~foedus.model.objects`). Terms stand
beside the bytes (:mod:`~foedus.model.terms`); markings inside them are read and joined in
(:mod:`~foedus.model.markings`, :mod:`~foedus.model.granular`). Foedus's own statements travel as
STIX objects of new types (:mod:`~foedus.model.kinds`). Whether an object keeps to its schema is
said by :mod:`~foedus.model.validation`; what may be compared between two items are the selectors
of :mod:`~foedus.model.selectors` and :mod:`~foedus.model.observables`.
"""

from foedus.model.bundles import split_bundle
from foedus.model.granular import GranularError, GranularSelector
from foedus.model.identifiers import (
    ArticleId,
    IdentifierError,
    ItemKey,
    LocalNumber,
    MemberId,
    ObjectId,
    PolicyId,
    TreatyId,
    article_of_policy,
    derived_object_id,
    member_id,
    object_id,
    object_type,
    treaty_id,
)
from foedus.model.kinds import FoedusKind, KindError, kind_of, unwrap_document, wrap_document
from foedus.model.markings import TLP, MarkingError, MarkingFacts, joined_tlp, read_markings
from foedus.model.objects import ModelError, ObjectError, StixObject, parse_object
from foedus.model.terms import (
    CategoryOfPerson,
    HandlingCondition,
    InformationGrade,
    NeutralityReview,
    SourceGrade,
    Terms,
    TermsError,
    join_terms,
    parse_terms,
    terms_document,
    terms_id,
)
from foedus.model.validation import Fault, SchemaError, validate_object

__all__ = [
    "TLP",
    "ArticleId",
    "CategoryOfPerson",
    "Fault",
    "FoedusKind",
    "GranularError",
    "GranularSelector",
    "HandlingCondition",
    "IdentifierError",
    "InformationGrade",
    "ItemKey",
    "KindError",
    "LocalNumber",
    "MarkingError",
    "MarkingFacts",
    "MemberId",
    "ModelError",
    "NeutralityReview",
    "ObjectError",
    "ObjectId",
    "PolicyId",
    "SchemaError",
    "SourceGrade",
    "StixObject",
    "Terms",
    "TermsError",
    "TreatyId",
    "article_of_policy",
    "derived_object_id",
    "join_terms",
    "joined_tlp",
    "kind_of",
    "member_id",
    "object_id",
    "object_type",
    "parse_object",
    "parse_terms",
    "read_markings",
    "split_bundle",
    "terms_document",
    "terms_id",
    "treaty_id",
    "unwrap_document",
    "validate_object",
    "wrap_document",
]
