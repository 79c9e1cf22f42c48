// The stored encoding: what goes in comes out, and bytes that are damaged or made up are refused.
#include <bit>
#include <limits>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"
#include "storage/codec/frame.h"
#include "storage/codec/record_codec.h"
#include "tests/contract/records.h"

namespace warren::storage {
namespace {

constexpr size_t kKinds = std::variant_size_v<Record>;

std::string Encode(const Record& record) {
  std::string bytes;
  const absl::StatusOr<std::string_view> tail = EncodeRecord(record, bytes);
  EXPECT_TRUE(tail.ok()) << tail.status();
  return tail.ok() ? bytes.append(*tail) : "";
}

absl::StatusOr<Record> Decode(std::string_view bytes) {
  NameCache names;
  return DecodeRecord(bytes, names);
}

// A frame with a right checksum around any payload.
std::string Sealed(std::string_view payload) {
  std::string frame(kFrameHeaderBytes, '\0');
  frame.append(payload);
  EXPECT_TRUE(SealFrame(frame, 0, "").ok());
  return frame;
}

std::string Payload(const Record& record) { return Encode(record).substr(kFrameHeaderBytes); }

Record WithHeader(Value value) {
  return BindingAdded{.id = {1}, .source = {2}, .queue = {3}, .arguments = {{"name", value}}};
}

Value Nested(int depth) {
  Value value{int64_t{1}};
  for (int i = 0; i < depth; ++i) {
    value = i % 2 == 0 ? Value{Value::List{value}} : Value{Headers{{"inner", value}}};
  }
  return value;
}

TEST(Codec, EveryKindComesBackAsItWas) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(SeedTrace(seed));
  Random random(seed);
  NameCache names;
  for (int i = 0; i < 5'000; ++i) {
    const Record record = RandomRecord(random, i % kKinds);
    const std::string bytes = Encode(record);
    std::string_view left = bytes;
    const absl::StatusOr<Record> decoded = DecodeRecord(left, names);
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_TRUE(left.empty());
    ASSERT_TRUE(SameRecord(*decoded, record)) << "kind " << record.index() << ", round " << i;
  }
}

TEST(Codec, RecordsInARowAreTakenOneByOne) {
  std::string bytes = Encode(IdsReserved{7}) + Encode(QueueDeleted{{8}});
  std::string_view left = bytes;
  NameCache names;
  EXPECT_TRUE(SameRecord(*DecodeRecord(left, names), IdsReserved{7}));
  EXPECT_TRUE(SameRecord(*DecodeRecord(left, names), QueueDeleted{{8}}));
  EXPECT_TRUE(left.empty());
}

// Stores that exist hold these very bytes: a change here is a new version of the encoding.
TEST(Codec, StoredBytesStayAsTheyAre) {
  EXPECT_EQ(absl::BytesToHexString(Encode(EntryRemoved{{300}, {2}, true})),
            "e4b1e1b506000000"   // CRC-32, length
            "050a"               // version, kind
            "ac020201");         // message, queue, last
  EXPECT_EQ(absl::BytesToHexString(Payload(WithHeader({Value::List{
                {std::string("x")}, {int64_t{-2}}, {1.0}, {true}, {Bytes{"b"}}, {Timestamp{3}},
                {}}}))),
            "0506"               // version, kind
            "01020300"           // id, source, queue, no exchange
            "00"                 // key
            "01046e616d65"       // one argument, "name"
            "0707"               // a list of seven
            "010178" "0203" "03000000000000f03f" "0401" "050162" "0606" "00");
  EXPECT_EQ(absl::BytesToHexString(
                Payload(ProducerAdvanced{"/", "p", 300, -1, {{6, 8}, {12, 12}}})),
            "050c"               // version, kind
            "012f" "0170"        // virtual host, producer
            "ac0201"             // last sequence, time
            "02" "0602" "0400"); // two runs: how far from the one before, how much longer than one
  EXPECT_EQ(absl::BytesToHexString(Payload(VirtualHostDeclared{"/", true, {300, std::nullopt, 0}})),
            "0501"               // version, kind
            "012f" "01"          // name, it is being deleted
            "01ac02" "00" "0100"); // most queues, streams without limit, no bodies
  EXPECT_EQ(absl::BytesToHexString(Payload(PolicyPut{{.virtual_host = "/",
                                                      .name = "p",
                                                      .pattern = "^q",
                                                      .target = PolicyTarget::kQueues,
                                                      .priority = -1,
                                                      .queue = {.max_length = 300},
                                                      .alternate_exchange = "x"}})),
            "0513"               // version, kind
            "012f" "0170"        // virtual host, name
            "025e71" "02" "01"   // pattern, target, priority
            "000000" "0000"      // flags of a queue, its times
            "ac0200" "01"        // its limits, overflow
            "0000" "0000" "0000" // dead-lettering, priorities, delivery limit, retry, window
            "0178");             // alternate exchange
}

// A store of the first version has no refused sequences.
TEST(Codec, RecordsOfTheFirstVersionAreRead) {
  const auto decoded = Decode(absl::HexStringToBytes(
      "0d8eb45b09000000" "010c" "012f" "0170" "ac0201"));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_TRUE(SameRecord(*decoded, ProducerAdvanced{"/", "p", 300, -1, {}}));
  const auto other = Decode(absl::HexStringToBytes("f2f3702e06000000" "010a" "ac020201"));
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_TRUE(SameRecord(*other, EntryRemoved{{300}, {2}, true}));
}

// A store of the second has no virtual host that is being deleted.
TEST(Codec, RecordsOfTheSecondVersionAreRead) {
  const auto decoded = Decode(Sealed(absl::HexStringToBytes("0201" "012f")));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_TRUE(SameRecord(*decoded, VirtualHostDeclared{"/", false}));
}

// Up to the fourth there are no limits of virtual hosts.
TEST(Codec, VirtualHostsOfTheFourthVersionHaveNoLimits) {
  const auto decoded = Decode(Sealed(absl::HexStringToBytes("0401" "012f" "01")));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_TRUE(SameRecord(*decoded, VirtualHostDeclared{"/", true, {}}));
}

TEST(Codec, RunsThatTouchOrOverflowAreAnError) {
  const std::string advanced = absl::HexStringToBytes("020c" "012f" "0170" "0c" "00");
  const std::string most = "ffffffffffffffffff01";
  EXPECT_TRUE(Decode(Sealed(advanced + absl::HexStringToBytes("02" "0602" "0200"))).ok());
  for (const std::string& runs :
       {std::string("02" "0602" "0000"), std::string("02" "0602" "0100"), "01" "06" + most,
        "02" "0602" + most + "00", std::string("02" "0602" "02"), std::string("7f" "0602")}) {
    EXPECT_EQ(Decode(Sealed(advanced + absl::HexStringToBytes(runs))).status().code(),
              absl::StatusCode::kDataLoss)
        << runs;
  }
}

TEST(Codec, DoublesKeepTheirBits) {
  for (const double value : {0.0, -0.0, std::numeric_limits<double>::quiet_NaN(),
                             std::numeric_limits<double>::infinity(), 5e-324}) {
    const absl::StatusOr<Record> decoded = Decode(Encode(WithHeader({value})));
    ASSERT_TRUE(decoded.ok());
    const Value& back = std::get<BindingAdded>(*decoded).arguments[0].value;
    EXPECT_EQ(std::bit_cast<uint64_t>(std::get<double>(back.data)),
              std::bit_cast<uint64_t>(value));
  }
}

TEST(Codec, TruncatedAnywhereIsAnError) {
  Random random(1);
  for (size_t kind = 0; kind < kKinds; ++kind) {
    const std::string bytes = Encode(RandomRecord(random, kind));
    for (size_t length = 0; length < bytes.size(); ++length) {
      const absl::StatusOr<Record> decoded = Decode(std::string_view(bytes).substr(0, length));
      ASSERT_EQ(decoded.status().code(), absl::StatusCode::kDataLoss) << kind << ":" << length;
    }
  }
}

TEST(Codec, AnyFlippedByteIsAnError) {
  Random random(2);
  for (size_t kind = 0; kind < kKinds; ++kind) {
    std::string bytes = Encode(RandomRecord(random, kind));
    for (char& byte : bytes) {
      const auto flip = static_cast<char>(1 + random() % 255);
      byte ^= flip;
      ASSERT_EQ(Decode(bytes).status().code(), absl::StatusCode::kDataLoss) << kind;
      byte ^= flip;
    }
  }
}

// Behind a right checksum, as a faulty or hostile writer would have it: anything but a crash, and
// what is taken for good is well-formed.
TEST(Codec, DamageBehindARightChecksumDoesNoHarm) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(SeedTrace(seed));
  Random random(seed);
  for (int i = 0; i < 20'000; ++i) {
    std::string payload = Payload(RandomRecord(random, i % kKinds));
    for (uint64_t damages = 1 + random() % 3; damages > 0; --damages) {
      payload[random() % payload.size()] = static_cast<char>(random());
    }
    if (random() % 4 == 0) payload.resize(2 + random() % payload.size());
    const absl::StatusOr<Record> decoded = Decode(Sealed(payload));
    if (!decoded.ok()) continue;
    const absl::StatusOr<Record> again = Decode(Encode(*decoded));
    ASSERT_TRUE(again.ok()) << again.status();
  }
}

TEST(Codec, NoiseBehindARightChecksumDoesNoHarm) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(SeedTrace(seed));
  Random random(seed);
  for (int i = 0; i < 20'000; ++i) {
    std::string payload = {static_cast<char>(1 + random() % kCodecVersion),
                           static_cast<char>(i % kKinds)};
    for (uint64_t length = random() % 64; length > 0; --length) {
      payload.push_back(static_cast<char>(random()));
    }
    Decode(Sealed(payload)).IgnoreError();
  }
}

TEST(Codec, LengthsAreNotBelieved) {
  const std::string huge = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
  const std::string published = {1, 9, 1};  // version, kind, message id
  const std::string host = {1, 1};
  EXPECT_EQ(Decode(Sealed(published + huge)).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Decode(Sealed(host + huge)).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Decode(Sealed(host + "\x7f" "short")).status().code(), absl::StatusCode::kDataLoss);
}

TEST(Codec, HeadersNestAsDeepAsTheLimitAndNoDeeper) {
  const Record deepest = WithHeader(Nested(kMaxValueDepth));
  const absl::StatusOr<Record> decoded = Decode(Encode(deepest));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_TRUE(SameRecord(*decoded, deepest));

  std::string bytes;
  EXPECT_EQ(EncodeRecord(WithHeader(Nested(kMaxValueDepth + 1)), bytes).status().code(),
            absl::StatusCode::kInvalidArgument);

  // A list in a list, and so on: two bytes a level, more levels than a stack has room for.
  std::string bomb = Payload(WithHeader({}));
  bomb.pop_back();
  for (int i = 0; i < 1'000'000; ++i) bomb += "\x07\x01";
  EXPECT_EQ(Decode(Sealed(bomb)).status().code(), absl::StatusCode::kDataLoss);
}

TEST(Codec, HeadersOutOfOrderAreAnError) {
  for (const Headers& headers : {Headers{{"b", {}}, {"a", {}}}, Headers{{"a", {}}, {"a", {}}}}) {
    const Record record = BindingAdded{.id = {1}, .source = {2}, .queue = {3}, .arguments = headers};
    EXPECT_EQ(Decode(Encode(record)).status().code(), absl::StatusCode::kDataLoss);
  }
}

TEST(Codec, LaterVersionIsRefusedWithARemedy) {
  std::string payload = Payload(IdsReserved{1});
  payload[0] = kCodecVersion + 1;
  const absl::Status status = Decode(Sealed(payload)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("start the version that wrote it"), std::string::npos) << status;
}

TEST(Codec, UnknownKindAndLeftOverBytesAreErrors) {
  std::string payload = Payload(IdsReserved{1});
  EXPECT_EQ(Decode(Sealed(payload + "x")).status().code(), absl::StatusCode::kDataLoss);
  payload[1] = static_cast<char>(kKinds);
  EXPECT_EQ(Decode(Sealed(payload)).status().code(), absl::StatusCode::kDataLoss);
}

TEST(Codec, BodyIsHandedBackInsteadOfCopied) {
  const MessagePublished published{{1}, MessageWithBody("the body"), {{.queue = {2}}}};
  std::string head;
  const absl::StatusOr<std::string_view> tail = EncodeRecord(published, head);
  ASSERT_TRUE(tail.ok());
  EXPECT_EQ(tail->data(), published.message->body.view().data());
  EXPECT_EQ(head.find("the body"), std::string::npos);
}

TEST(NameCache, GivesEqualNamesOneString) {
  NameCache names;
  const std::string first = "orders";
  const std::string second = "orders";
  EXPECT_EQ(names.Share(first).view().data(), names.Share(second).view().data());
  EXPECT_EQ(names.Share("invoices").view(), "invoices");
  EXPECT_EQ(names.Share("").view(), "");
}

}  // namespace
}  // namespace warren::storage
