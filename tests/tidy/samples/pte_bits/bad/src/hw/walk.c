pte_t none = (pte_t){0};
