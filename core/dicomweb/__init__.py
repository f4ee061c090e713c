"""DICOMweb (PS3.18): QIDO-RS and WADO-RS over what a scope shows, the same code for both roots."""
