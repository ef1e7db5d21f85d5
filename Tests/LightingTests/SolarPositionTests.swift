import Glibc
import Lighting
import Telemetry
import Testing

@Suite struct SolarPositionTests {
    static let places: [String: SolarPosition.Place] = [
        "Duisburg": .init(latitude: 51.4508, longitude: 6.7339), "Quito": .init(latitude: -0.1807, longitude: -78.4678),
        "Sydney": .init(latitude: -33.8688, longitude: 151.2093),
        "Tromso": .init(latitude: 69.6492, longitude: 18.9553),
        "Honolulu": .init(latitude: 21.3069, longitude: -157.8583),
    ]

    /// Place, date by the sun, sunrise and sunset in seconds since 1970, after astral 3.2; - where there is none.
    static let expected = [
        "Duisburg 2028-01-01 1830325129 1830353649",
        "Duisburg 2028-02-01 1833001938 1833034888",
        "Duisburg 2028-02-29 1835417979 1835457130",
        "Duisburg 2028-03-01 1835504250 1835543636",
        "Duisburg 2028-03-20 1837143305 1837187197",
        "Duisburg 2028-04-01 1838178468 1838225206",
        "Duisburg 2028-05-01 1840766679 1840820199",
        "Duisburg 2028-06-01 1843442514 1843501244",
        "Duisburg 2028-06-21 1845170187 1845230012",
        "Duisburg 2028-07-01 1846034470 1846093956",
        "Duisburg 2028-08-01 1848715079 1848770388",
        "Duisburg 2028-09-01 1851396403 1851445083",
        "Duisburg 2028-09-22 1853212808 1853256608",
        "Duisburg 2028-10-01 1853991281 1854032972",
        "Duisburg 2028-11-01 1856672847 1856707500",
        "Duisburg 2028-12-01 1859267824 1859297229",
        "Duisburg 2028-12-21 1860996997 1861025169",
        "Quito 2028-01-01 1830338007 1830381670",
        "Quito 2028-02-01 1833017031 1833060658",
        "Quito 2028-02-29 1835436180 1835479768",
        "Quito 2028-03-01 1835522568 1835566155",
        "Quito 2028-03-20 1837163880 1837207450",
        "Quito 2028-04-01 1838200467 1838244031",
        "Quito 2028-05-01 1840792071 1840835636",
        "Quito 2028-06-01 1843470522 1843514101",
        "Quito 2028-06-21 1845198761 1845242342",
        "Quito 2028-07-01 1846062885 1846106465",
        "Quito 2028-08-01 1848741427 1848784995",
        "Quito 2028-09-01 1851419439 1851463000",
        "Quito 2028-09-22 1853233397 1853276966",
        "Quito 2028-10-01 1854010811 1854054386",
        "Quito 2028-11-01 1856688836 1856732450",
        "Quito 2028-12-01 1859281163 1859324818",
        "Quito 2028-12-21 1861009706 1861053371",
        "Sydney 2028-01-01 1830278843 1830330543",
        "Sydney 2028-02-01 1832958965 1833008439",
        "Sydney 2028-02-29 1835379745 1835425938",
        "Sydney 2028-03-01 1835466197 1835512264",
        "Sydney 2028-03-20 1837108714 1837152362",
        "Sydney 2028-04-01 1838146056 1838188189",
        "Sydney 2028-05-01 1840739406 1840778041",
        "Sydney 2028-06-01 1843419117 1843455238",
        "Sydney 2028-06-21 1845147619 1845183223",
        "Sydney 2028-07-01 1846011676 1846047421",
        "Sydney 2028-08-01 1848689263 1848726939",
        "Sydney 2028-09-01 1851365617 1851406630",
        "Sydney 2028-09-22 1853178291 1853221885",
        "Sydney 2028-10-01 1853955142 1853999867",
        "Sydney 2028-11-01 1856631291 1856679784",
        "Sydney 2028-12-01 1859222251 1859273473",
        "Sydney 2028-12-21 1860950468 1861002326",
        "Tromso 2028-01-01 - -",
        "Tromso 2028-02-01 1833006446 1833024543",
        "Tromso 2028-02-29 1835417576 1835451718",
        "Tromso 2028-03-01 1835503702 1835538370",
        "Tromso 2028-03-20 1837140121 1837184586",
        "Tromso 2028-04-01 1838173625 1838224272",
        "Tromso 2028-05-01 1840756726 1840824482",
        "Tromso 2028-06-01 - -",
        "Tromso 2028-06-21 - -",
        "Tromso 2028-07-01 - -",
        "Tromso 2028-08-01 1848702388 1848776894",
        "Tromso 2028-09-01 1851390224 1851445293",
        "Tromso 2028-09-22 1853209590 1853253891",
        "Tromso 2028-10-01 1853989282 1854029045",
        "Tromso 2028-11-01 1856675618 1856698827",
        "Tromso 2028-12-01 - -",
        "Tromso 2028-12-21 - -",
        "Honolulu 2028-01-01 1830359355 1830398446",
        "Honolulu 2028-02-01 1833037737 1833078077",
        "Honolulu 2028-02-29 1835455937 1835498131",
        "Honolulu 2028-03-01 1835542289 1835584555",
        "Honolulu 2028-03-20 1837182894 1837226554",
        "Honolulu 2028-04-01 1838219037 1838263580",
        "Honolulu 2028-05-01 1840809618 1840856210",
        "Honolulu 2028-06-01 1843487346 1843535397",
        "Honolulu 2028-06-21 1845215444 1845263772",
        "Honolulu 2028-07-01 1846079613 1846127845",
        "Honolulu 2028-08-01 1848758728 1848805785",
        "Honolulu 2028-09-01 1851437723 1851482797",
        "Honolulu 2028-09-22 1853252439 1853296003",
        "Honolulu 2028-10-01 1854030184 1854073094",
        "Honolulu 2028-11-01 1856709300 1856750079",
        "Honolulu 2028-12-01 1859302393 1859341698",
        "Honolulu 2028-12-21 1861031104 1861070094",
    ]

    /// How far we may be from astral: both are good to a minute only.
    static let tolerance: Int64 = 60

    static func check(_ line: String, days: inout Int) throws {
        let words = line.split(separator: Character(" ")).map(String.init)
        let place = try #require(places[words[0]])
        let date = words[1].split(separator: Character("-")).compactMap { Int($0) }
        let noon = CivilTime(year: date[0], month: date[1], day: date[2], hour: 12).instant
            .advanced(by: .seconds(-place.longitude * 240))
        let day = SolarPosition.day(at: place, around: noon)
        for (event, text) in [(day.sunrise, words[2]), (day.sunset, words[3])] {
            switch (event.moment, Int64(text)) {
            case (let found?, let seconds?):
                #expect(abs(found.seconds - seconds) < tolerance, "\(line): \(found.seconds)")
            case (nil, nil): break
            case (let found, _): Issue.record("\(line): found \(found?.seconds ?? -1)")
            }
        }
        days += 1
    }

    @Test(arguments: expected)
    func `sunrise and sunset are astral's within a minute`(line: String) throws {
        var days = 0
        try Self.check(line, days: &days)
    }

    @Test(
        .enabled(if: getenv("CANDELA_PYTHON") != nil, "CANDELA_PYTHON names no Python with astral"),
        arguments: places.keys.sorted())
    func `every day of a year is astral's within a minute`(name: String) throws {
        let python = try #require(getenv("CANDELA_PYTHON").map { String(cString: $0) })
        let place = try #require(Self.places[name])
        let script = """
            import datetime as d
            from astral import Observer
            from astral.sun import sunrise, sunset
            o=Observer(\(place.latitude),\(place.longitude))
            def near(f,day,noon):
                for k in (-1,0,1):
                    try: t=f(o,date=day+d.timedelta(days=k),tzinfo=d.timezone.utc)
                    except ValueError: continue
                    if abs(t-noon)<d.timedelta(hours=12,minutes=5) and (t<noon)==(f is sunrise): return str(round(t.timestamp()))
                return '-'
            for i in range(366):
                day=d.date(2028,1,1)+d.timedelta(days=i)
                noon=d.datetime(day.year,day.month,day.day,12,tzinfo=d.timezone.utc)-d.timedelta(hours=\(place.longitude)/15)
                print('\(name)',day,near(sunrise,day,noon),near(sunset,day,noon))
            """
        var days = 0
        for line in try Process.lines(of: "\(python) - <<'END'\n\(script)\nEND") { try Self.check(line, days: &days) }
        #expect(days == 366)
    }

    @Test(arguments: [(6, true), (12, false)])
    func `at the pole the sun stays up or down, and nothing breaks`(month: Int, isUp: Bool) {
        for latitude in [90.0, 89.95, 80] {
            let day = SolarPosition.day(
                at: .init(latitude: latitude, longitude: 0),
                around: CivilTime(year: 2028, month: month, day: 21, hour: 12).instant)
            #expect(day.sunrise == (isUp ? .staysUp : .staysDown))
            #expect(day.sunset == (isUp ? .staysUp : .staysDown))
        }
    }

    @Test func `noon lies between sunrise and sunset on every day of a year`() throws {
        for (_, place) in Self.places {
            for offset in 0..<366 {
                let around = CivilTime(year: 2028, month: 1, day: 1, hour: 12).instant.advanced(
                    by: .seconds(offset * 86_400))
                let day = SolarPosition.day(at: place, around: around)
                #expect(abs(day.noon.seconds - around.seconds) < 43_200 + 1200)
                if let sunrise = day.sunrise.moment { #expect(sunrise < day.noon) }
                if let sunset = day.sunset.moment { #expect(day.noon < sunset) }
            }
        }
    }
}
