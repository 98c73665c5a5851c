static inline pte_t pte_make(uint64_t raw)
{
    return (pte_t){raw | PTE_V << 0};
}
