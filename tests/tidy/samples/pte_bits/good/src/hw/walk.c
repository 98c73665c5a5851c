uint64_t seen = result.pte.raw;
