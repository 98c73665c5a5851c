/* Speaks of pte.raw and (pte_t){0} only. */
bool writable = pte_has(pte, PTE_R | PTE_W);
uint64_t address = pa.raw;
