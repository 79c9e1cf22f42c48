#include "storage/codec/value_codec.h"

#include <utility>
#include <variant>

namespace warren::storage {
namespace {

constexpr std::string_view kTooDeep = "header value nests more than 8 lists and tables";
static_assert(kMaxValueDepth == 8, "kTooDeep names the limit");

// First byte of a value; stored, so a number never changes its meaning.
enum class Tag : uint8_t {
  kVoid = 0,
  kText = 1,
  kInt = 2,
  kDouble = 3,
  kBool = 4,
  kBytes = 5,
  kTimestamp = 6,
  kList = 7,
  kTable = 8,
};

// `depth` is how many lists and tables there are around what is coded.
void CodeTable(Writer& io, const Headers& table, int depth);
void CodeTable(Reader& io, Headers& table, int depth);

class ValueWriter {
 public:
  ValueWriter(Writer& io, int depth) : io_(io), depth_(depth) {}

  void operator()(std::monostate) { Put(Tag::kVoid); }
  void operator()(const std::string& text) {
    Put(Tag::kText);
    io_.Text(text);
  }
  void operator()(int64_t number) {
    Put(Tag::kInt);
    io_.Int(number);
  }
  void operator()(double number) {
    Put(Tag::kDouble);
    io_.Double(number);
  }
  void operator()(bool flag) {
    Put(Tag::kBool);
    io_.Flag(flag);
  }
  void operator()(const Bytes& bytes) {
    Put(Tag::kBytes);
    io_.Text(bytes.bytes);
  }
  void operator()(Timestamp timestamp) {
    Put(Tag::kTimestamp);
    io_.Int(timestamp.ms);
  }
  void operator()(const Value::List& list) {
    if (!Deeper()) return;
    Put(Tag::kList);
    io_.List(list, [this](Writer& io, const Value& item) {
      std::visit(ValueWriter(io, depth_ + 1), item.data);
    });
  }
  void operator()(const Headers& table) {
    if (!Deeper()) return;
    Put(Tag::kTable);
    CodeTable(io_, table, depth_ + 1);
  }

 private:
  void Put(Tag tag) { io_.Enum(tag, Tag::kVoid, Tag::kTable); }
  bool Deeper() {
    if (depth_ >= kMaxValueDepth) io_.Fail(kTooDeep);
    return depth_ < kMaxValueDepth;
  }

  Writer& io_;
  const int depth_;
};

void ReadValue(Reader& io, Value& value, int depth) {
  Tag tag = Tag::kVoid;
  io.Enum(tag, Tag::kVoid, Tag::kTable);
  if ((tag == Tag::kList || tag == Tag::kTable) && depth >= kMaxValueDepth) {
    return io.Fail(kTooDeep);
  }
  switch (tag) {
    case Tag::kVoid:
      return;
    case Tag::kText:
      return io.Text(value.data.emplace<std::string>());
    case Tag::kInt:
      return io.Int(value.data.emplace<int64_t>());
    case Tag::kDouble:
      return io.Double(value.data.emplace<double>());
    case Tag::kBool:
      return io.Flag(value.data.emplace<bool>());
    case Tag::kBytes:
      return io.Text(value.data.emplace<Bytes>().bytes);
    case Tag::kTimestamp:
      return io.Int(value.data.emplace<Timestamp>().ms);
    case Tag::kList:
      return io.List(
          value.data.emplace<Value::List>(),
          [depth](Reader& inner, Value& item) { ReadValue(inner, item, depth + 1); });
    case Tag::kTable:
      return CodeTable(io, value.data.emplace<Headers>(), depth + 1);
  }
}

void CodeTable(Writer& io, const Headers& table, int depth) {
  io.List(table, [depth](Writer& inner, const Header& header) {
    inner.Text(header.name);
    std::visit(ValueWriter(inner, depth), header.value.data);
  });
}

void CodeTable(Reader& io, Headers& table, int depth) {
  io.List(table, [depth](Reader& inner, Header& header) {
    inner.Text(header.name);
    ReadValue(inner, header.value, depth);
  });
  for (size_t i = 1; i < table.size() && io.ok(); ++i) {
    if (table[i - 1].name >= table[i].name) io.Fail("header names aren't sorted and unique");
  }
}

}  // namespace

void CodeHeaders(Writer& io, const Headers& headers) { CodeTable(io, headers, 0); }
void CodeHeaders(Reader& io, Headers& headers) { CodeTable(io, headers, 0); }

}  // namespace warren::storage
