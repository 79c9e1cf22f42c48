// Messages of the API as JSON for programs: names as in the proto files, whole numbers as numbers,
// enumerations without their prefix and in small letters, times and durations as text (RFC 3339;
// "1.500s"), headers as plain values, bytes as text or, if they aren't UTF-8, NAME_base64.
// Pure functions; thread-safe.
#pragma once

#include <google/protobuf/message.h>

#include <nlohmann/json.hpp>

#include "warren/v1/message.pb.h"

namespace warren::tools {

// All fields, but those that can tell that they aren't set and empty lists.
nlohmann::ordered_json MessageToJson(const google::protobuf::Message& message);

nlohmann::ordered_json HeaderToJson(const v1::HeaderValue& value);

// `name`, or name_base64.
void PutBytes(nlohmann::ordered_json& json, const std::string& name, const std::string& bytes);

bool IsUtf8(const std::string& text);

// ENTRY_STATE_READY, of EntryState: "ready".
std::string EnumWord(const google::protobuf::EnumValueDescriptor& value);

}  // namespace warren::tools
