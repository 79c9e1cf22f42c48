// CRC-32C of all that RocksDB writes, in place of its own.
//
// Debian compiles RocksDB for any processor of an architecture, which leaves it a table to look each
// byte up in: of a broker that stores messages of 1 KiB, a sixth of its time. The dynamic linker takes
// a program's own definition of a library's function before the library's, as it does for malloc, so
// defining it here is all it takes. Where a RocksDB has no such function, this one isn't called.
#include <isa-l/crc.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace rocksdb::crc32c {

// As in RocksDB's util/crc32c.h, which it doesn't install.
uint32_t Extend(uint32_t crc, const char* data, size_t size);

uint32_t Extend(uint32_t crc, const char* data, size_t size) {
  // ISA-L's starts and ends as the register is, which is the complement; and it takes an int.
  uint32_t state = ~crc;
  while (size > 0) {
    const size_t some = std::min<size_t>(size, std::numeric_limits<int>::max());
    // Not written to.
    auto* bytes = reinterpret_cast<unsigned char*>(const_cast<char*>(data));
    state = crc32_iscsi(bytes, static_cast<int>(some), state);
    data += some;
    size -= some;
  }
  return ~state;
}

}  // namespace rocksdb::crc32c
