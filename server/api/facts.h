// What a broker is and was started with, for AdminService to tell. Value types; thread-compatible.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace warren::api {

struct ConfiguredOption {
  std::string key;     // section.key
  std::string value;   // "" for a secret
  std::string origin;  // default, file, environment or flag
};

struct Facts {
  std::string version;
  std::string revision;
  std::string node;
  std::string storage_backend;  // memory, rocksdb or postgres
  uint64_t memory_limit = 0;    // bytes
  std::vector<ConfiguredOption> configuration;  // by key
};

}  // namespace warren::api
