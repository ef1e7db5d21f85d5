#define _GNU_SOURCE
#include <link.h>
#include <sys/mman.h>

#include "CLinux.h"

static int release_part(struct dl_phdr_info *part, size_t size, void *released) {
    (void)size;
    for (int i = 0; i < part->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &part->dlpi_phdr[i];
        // Code only: it is never written, so what is dropped comes back from the file as it was.
        if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_X) || (segment->p_flags & PF_W)) continue;
        uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
        uintptr_t first = (part->dlpi_addr + segment->p_vaddr + page - 1) & ~(page - 1);
        uintptr_t end = (part->dlpi_addr + segment->p_vaddr + segment->p_memsz) & ~(page - 1);
        if (end > first && madvise((void *)first, end - first, MADV_DONTNEED) == 0) *(size_t *)released += end - first;
    }
    // The program itself comes first; its libraries are shared with other programs.
    return 1;
}

size_t candela_release_code(void) {
    size_t released = 0;
    dl_iterate_phdr(release_part, &released);
    return released;
}
