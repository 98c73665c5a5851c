uint64_t twice(uint64_t value);
