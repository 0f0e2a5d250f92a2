// CRC-32C, the checksum of iSCSI and ext4 (polynomial 0x1EDC6F41, reflected): notices every changed bit, every two, and
// every run of up to 32. It is for disks and cables that err, not against somebody who wants to deceive.
// Source: RFC 3720, section 12.1 and appendix B.4
#pragma once

#include <cstdint>
#include <string_view>

namespace swingrad {

// Of the bytes that `before` is the checksum of, and `bytes` after them.
uint32_t crc32c(std::string_view bytes, uint32_t before = 0);
// The same, as a processor without an instruction for it computes it.
uint32_t crc32c_by_tables(std::string_view bytes, uint32_t before = 0);

}  // namespace swingrad
