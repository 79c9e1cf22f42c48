// What people see when they read the tables: text and jsonb columns. The broker itself reads none
// of what is made here.
//
// A text column takes UTF-8 without U+0000, a name may be any bytes; what doesn't fit is shown as
// U+FFFD. Of header values, raw bytes are shown as PostgreSQL shows bytea ("\x00ff"), timestamps in
// ISO 8601, numbers that JSON doesn't know as strings.
//
// Thread-safe: functions only.
#pragma once

#include <string>
#include <string_view>

#include "storage/message.h"
#include "storage/options.h"
#include "storage/value.h"

namespace warren::storage {

// Whether a text column can hold it as it is.
bool IsText(std::string_view bytes);
// As a text column can hold it: `bytes` itself, or what was made of it in `scratch`.
std::string_view Readable(std::string_view bytes, std::string& scratch);

// JSON objects, for jsonb columns. Very large ones are shortened to a remark.
std::string PropertiesJson(const Properties& properties);  // without the headers
std::string HeadersJson(const Headers& headers);
std::string DeathsJson(const DeathHistory& history);
std::string OptionsJson(const ExchangeOptions& options);
std::string OptionsJson(const QueueOptions& options);

}  // namespace warren::storage
