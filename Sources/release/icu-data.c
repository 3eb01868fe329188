// SPDX-License-Identifier: Apache-2.0
// The data of the ICU in Swift's Foundation, with nothing in it. See Docs/Decisions/0013-weight.md.
//
// Foundation comes with GRDB. Its ICU has 34 MB of data: collations, calendars, names of languages, formats. Nothing that CIMBus does asks for
// any of it (Tests/Scripts/startup-order looks). The data is one symbol in one member of an archive; the linker takes this one instead.
// What asks nevertheless is told by ICU that the data is missing.
#include <stddef.h>
#include <stdint.h>

// A package of format "CmnD", version 1, as ICU's udata.h and ucmndata.h lay it out: a header, and a table of contents, here of no entries.
struct package {
    uint16_t header_size;
    uint8_t magic[2];
    struct {
        uint16_t size, reserved;
        uint8_t is_big_endian, charset_family, size_of_uchar, reserved_byte;
        uint8_t format[4], format_version[4], data_version[4];
    } info;
    uint8_t padding[8];
    uint32_t entries;
};
_Static_assert(offsetof(struct package, entries) == 32, "the table of contents begins where the header ends");

__attribute__((aligned(16))) const struct package ICU_DATA = {
    .header_size = 32,
    .magic = {0xda, 0x27},
    .info = {
        .size = 20,
        .is_big_endian = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__,
        .size_of_uchar = 2,
        .format = {'C', 'm', 'n', 'D'},
        .format_version = {1},
    },
    .entries = 0,
};
