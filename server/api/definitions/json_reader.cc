#include "server/api/definitions/json_reader.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "server/api/definitions/invalid.h"

namespace warren::api {

using google::protobuf::util::TimeUtil;

void JsonReader::Fault(std::string_view member, std::string_view what) {
  if (!fault_.ok()) return;
  std::string where = place_;
  if (!member.empty()) where += (where.empty() ? "" : ".") + std::string(member);
  fault_ = InvalidDefinitions((where.empty() ? "" : where + ": ") + std::string(what));
}

std::string JsonReader::Text(const Json& object, const char* key, bool required) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) {
    if (required) Fault(key, "is missing");
    return "";
  }
  if (!found->is_string()) {
    Fault(key, "expected text");
    return "";
  }
  return found->get<std::string>();
}

bool JsonReader::Flag(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return false;
  if (!found->is_boolean()) Fault(key, "expected true or false");
  return found->is_boolean() && found->get<bool>();
}

const JsonReader::Json& JsonReader::Members(const Json& object, const char* key) {
  static const Json kNone = Json::object();
  const auto found = object.find(key);
  // An empty one is exported as a list by some versions.
  if (found == object.end() || found->is_null() || (found->is_array() && found->empty())) {
    return kNone;
  }
  if (found->is_object()) return *found;
  Fault(key, "expected an object");
  return kNone;
}

uint64_t JsonReader::Count(std::string_view key, const Json& value) {
  if (!value.is_number_integer() || (value.is_number_integer() && !value.is_number_unsigned() &&
                                     value.get<int64_t>() < 0)) {
    Fault(key, "expected a whole number that isn't negative");
    return 0;
  }
  return value.get<uint64_t>();
}

uint32_t JsonReader::SmallCount(std::string_view key, const Json& value) {
  const uint64_t count = Count(key, value);
  if (count > std::numeric_limits<uint32_t>::max()) Fault(key, "is too large");
  return static_cast<uint32_t>(count);
}

google::protobuf::Duration JsonReader::Milliseconds(std::string_view key, const Json& value) {
  constexpr uint64_t kMost = uint64_t{100} * 366 * 24 * 3600 * 1000;
  const uint64_t ms = Count(key, value);
  if (ms > kMost) Fault(key, "is longer than 100 years");
  return TimeUtil::MillisecondsToDuration(static_cast<int64_t>(std::min(ms, kMost)));
}

std::string JsonReader::TextOf(std::string_view key, const Json& value) {
  if (!value.is_string()) {
    Fault(key, "expected text");
    return "";
  }
  return value.get<std::string>();
}

}  // namespace warren::api
