#include "tools/warrenctl/message_json.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/time_util.h>

#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/strip.h"
#include "tools/warrenctl/values.h"

namespace warren::tools {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::util::TimeUtil;
using Json = nlohmann::ordered_json;

Json SubmessageToJson(const Message& message) {
  if (const auto* time = dynamic_cast<const google::protobuf::Timestamp*>(&message)) {
    return TimeUtil::ToString(*time);
  }
  if (const auto* duration = dynamic_cast<const google::protobuf::Duration*>(&message)) {
    return TimeUtil::ToString(*duration);
  }
  if (const auto* header = dynamic_cast<const v1::HeaderValue*>(&message)) {
    return HeaderToJson(*header);
  }
  return MessageToJson(message);
}

// One value of a field; `index` is of repeated ones.
Json ValueToJson(const Message& message, const FieldDescriptor& field, int index) {
  const Reflection& reflection = *message.GetReflection();
  const bool repeated = field.is_repeated();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return repeated ? reflection.GetRepeatedInt32(message, &field, index)
                      : reflection.GetInt32(message, &field);
    case FieldDescriptor::CPPTYPE_INT64:
      return repeated ? reflection.GetRepeatedInt64(message, &field, index)
                      : reflection.GetInt64(message, &field);
    case FieldDescriptor::CPPTYPE_UINT32:
      return repeated ? reflection.GetRepeatedUInt32(message, &field, index)
                      : reflection.GetUInt32(message, &field);
    case FieldDescriptor::CPPTYPE_UINT64:
      return repeated ? reflection.GetRepeatedUInt64(message, &field, index)
                      : reflection.GetUInt64(message, &field);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return repeated ? reflection.GetRepeatedDouble(message, &field, index)
                      : reflection.GetDouble(message, &field);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return repeated ? reflection.GetRepeatedFloat(message, &field, index)
                      : reflection.GetFloat(message, &field);
    case FieldDescriptor::CPPTYPE_BOOL:
      return repeated ? reflection.GetRepeatedBool(message, &field, index)
                      : reflection.GetBool(message, &field);
    case FieldDescriptor::CPPTYPE_ENUM:
      return EnumWord(repeated ? *reflection.GetRepeatedEnum(message, &field, index)
                               : *reflection.GetEnum(message, &field));
    case FieldDescriptor::CPPTYPE_STRING:
      return repeated ? reflection.GetRepeatedString(message, &field, index)
                      : reflection.GetString(message, &field);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return SubmessageToJson(repeated ? reflection.GetRepeatedMessage(message, &field, index)
                                       : reflection.GetMessage(message, &field));
  }
  return nullptr;
}

Json MapToJson(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  Json entries = Json::object();
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
    const auto& type = *entry.GetDescriptor();
    const Json key = ValueToJson(entry, *type.map_key(), 0);
    entries[key.is_string() ? key.get<std::string>() : key.dump()] =
        ValueToJson(entry, *type.map_value(), 0);
  }
  return entries;
}

}  // namespace

Json MessageToJson(const Message& message) {
  const Reflection& reflection = *message.GetReflection();
  const auto& type = *message.GetDescriptor();
  Json json = Json::object();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const std::string& name = field.name();
    if (field.is_repeated()) {
      const int size = reflection.FieldSize(message, &field);
      if (size == 0) continue;
      if (field.is_map()) {
        json[name] = MapToJson(message, field);
        continue;
      }
      for (int n = 0; n < size; ++n) json[name].push_back(ValueToJson(message, field, n));
    } else if (field.has_presence() && !reflection.HasField(message, &field)) {
      continue;
    } else if (field.type() == FieldDescriptor::TYPE_BYTES) {
      PutBytes(json, name, reflection.GetString(message, &field));
    } else {
      json[name] = ValueToJson(message, field, 0);
    }
  }
  return json;
}

Json HeaderToJson(const v1::HeaderValue& value) {
  switch (value.kind_case()) {
    case v1::HeaderValue::kIntValue:
      return value.int_value();
    case v1::HeaderValue::kDoubleValue:
      return value.double_value();
    case v1::HeaderValue::kBoolValue:
      return value.bool_value();
    case v1::HeaderValue::kListValue: {
      Json list = Json::array();
      for (const auto& entry : value.list_value().values()) list.push_back(HeaderToJson(entry));
      return list;
    }
    case v1::HeaderValue::kTableValue: {
      Json table = Json::object();
      for (const auto& [name, entry] : value.table_value().entries()) {
        table[name] = HeaderToJson(entry);
      }
      return table;
    }
    case v1::HeaderValue::KIND_NOT_SET:
      return nullptr;
    default:
      return FormatHeaderValue(value);
  }
}

void PutBytes(Json& json, const std::string& name, const std::string& bytes) {
  if (IsUtf8(bytes)) {
    json[name] = bytes;
  } else {
    json[name + "_base64"] = absl::Base64Escape(bytes);
  }
}

bool IsUtf8(const std::string& text) {
  try {
    static_cast<void>(Json(text).dump());
    return true;
  } catch (const Json::type_error&) {
    return false;
  }
}

std::string EnumWord(const google::protobuf::EnumValueDescriptor& value) {
  // PolicyTarget: POLICY_TARGET_, as the names of values begin.
  std::string prefix;
  for (const char c : value.type()->name()) {
    if (absl::ascii_isupper(static_cast<unsigned char>(c)) && !prefix.empty()) prefix += '_';
    prefix += absl::ascii_toupper(static_cast<unsigned char>(c));
  }
  prefix += '_';
  return absl::AsciiStrToLower(absl::StripPrefix(value.name(), prefix));
}

}  // namespace warren::tools
