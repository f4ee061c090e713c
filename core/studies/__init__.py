"""Patients, studies, series, instances, captures."""
