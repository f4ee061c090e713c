"""Counts of a study, recounted from its rows: never added to, so doing it twice changes nothing."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.store.models import Blob
from core.studies.models import Instance, Series, Study, StudyModality

BESIDE = frozenset({"SR", "PR", "KO", "SEG", "REG", "DOC", "AU", "PLAN", "OT"})
"""Modalities that a study is not named after first."""


def recount(db: Session, study: Study, changed: Collection[int]) -> None:
    """Write what is shown now: objects per series and study, bytes, modalities.

    :param changed: ids of series whose metadata must be made anew
    """
    rows = db.execute(
        sa.select(Series.id, Series.modality, sa.func.count(Instance.id), sa.func.coalesce(sa.func.sum(Blob.size), 0))
        .join(Instance, sa.and_(Instance.series_id == Series.id, Instance.rank == 0))
        .join(Blob, Blob.id == Instance.blob_id)
        .where(Series.study_id == study.id)
        .group_by(Series.id, Series.modality)
    ).all()
    for series_id, _, instances, _ in rows:
        bumped = {"meta_version": Series.meta_version + 1} if series_id in changed else {}
        db.execute(
            sa.update(Series).where(Series.id == series_id).values(n_instances=instances, **bumped)
            .execution_options(synchronize_session=False)
        )
    modalities = sorted({modality for _, modality, _, _ in rows if modality}, key=lambda m: (m in BESIDE, m))
    study.n_series = len(rows)
    study.n_instances = sum(instances for _, _, instances, _ in rows)
    study.bytes = int(sum(size for _, _, _, size in rows))
    study.modalities = "/".join(modalities)[:100]
    _modality_rows(db, study, frozenset(modalities))
    db.flush()


def _modality_rows(db: Session, study: Study, wanted: frozenset[str]) -> None:
    there = {row.modality: row for row in db.scalars(sa.select(StudyModality).where(StudyModality.study_id == study.id))}
    for modality in there.keys() - wanted:
        db.delete(there[modality])
    for modality in sorted(wanted - there.keys()):
        db.add(StudyModality(study_id=study.id, modality=modality, study_at=study.study_at,
                             uploaded_at=study.uploaded_at))
