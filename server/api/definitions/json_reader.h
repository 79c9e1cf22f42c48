// Members of a JSON document, each of the type that is expected. The first fault counts, and names its
// place; what is read after it is empty.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "google/protobuf/duration.pb.h"

namespace warren::api {

class JsonReader {
 public:
  using Json = nlohmann::json;

  const absl::Status& fault() const { return fault_; }
  // At a member of the place that is being read; "": the place itself.
  void Fault(std::string_view member, std::string_view what);
  // Of what is read from now on, as queues[3].
  void Enter(std::string place) { place_ = std::move(place); }

  // Members of an object. One that is missing or null is "", false or empty, unless it is required.
  std::string Text(const Json& object, const char* key, bool required = false);
  bool Flag(const Json& object, const char* key);
  // Until the object is gone.
  const Json& Members(const Json& object, const char* key);

  // Values that have been found, under `key`.
  std::string TextOf(std::string_view key, const Json& value);
  uint64_t Count(std::string_view key, const Json& value);
  uint32_t SmallCount(std::string_view key, const Json& value);
  // Of milliseconds; at most a hundred years, as in the API.
  google::protobuf::Duration Milliseconds(std::string_view key, const Json& value);

 private:
  std::string place_;
  absl::Status fault_;
};

}  // namespace warren::api
