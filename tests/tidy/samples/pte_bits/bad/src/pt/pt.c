bool writable = pte.raw & PTE_W;
bool valid = entry->old_pte.raw & 1;
uint64_t software = PTE_D << 1;
