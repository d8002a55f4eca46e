"""Made-up identifiers, and harmless things that look like them. Nobody is meant by any."""

# Names of columns that say who, or what somebody has.
PERSONAL_NAMES = """
    victim_name VictimName victims n_victims suspect Suspects suspect_1 offender_id offenders
    surname
    SURNAME forename first_name FirstName LastName last-name full_name FullName family_name
    given_names maiden_name middle_name owner_name driver_name person_id PersonRef DOB dob_victim
    date_of_birth DateOfBirth birthdate birthday birth_date nhs_number NHSNo nino national_insurance
    NationalInsuranceNo pncid PNC_ID pnc_no cro_number CRO custody_ref custody_number CustodyRecord
    arrestee arrestees detainee phone phone_number telephone Telephone_1 mobile mobile_no
    MobileNumber contact_phone msisdn imei IMSI email EMail email_address mail vrm VRM number_plate
    NumberPlate numberplate plate plate_no registration registration_no vehicle_registration
    ip_address ip IPAddress mac_address mac UPRN uprn_ref postcode PostCode postcode_full
    home_postcode
    address home_address AddressLine1 ethnicity self_defined_ethnicity officer_defined_ethnic
    religion gender Gender sex Sex_of_victim race nationality disability gang_name gang nominal_ref
    nominal complainant complainants witness witness_2 witnesses accused defendant defendant_name
    passport passport_no driving_licence facebook twitter_handle instagram username UserName
    stolen_mobile_number theft_phone_imei stolen_plate_no shop_email_address_text
""".split()  # noqa: SIM905

# Names that hold such a word, or part of one, and mean a place, a thing, a kind or a count.
HARMLESS_NAMES = """
    name borough offence offence_name crime_type lsoa_code lsoa_name ward_name street street_name
    place_name station_name school_name premises premises_type beat beat_code method stolen_value
    reported_at weekday geometry force force_name month hour outcome mobile_theft theft_mobile_phone
    phone_theft stolen_phone phone_snatch phone_shop_near distance_to_phone_box phone_mast_distance
    mobile_mast mobile_phone_shop plate_theft stolen_plate_count email_offence mail_theft
    royal_mail_depot mail_box_near postcode_district postcode_sector postcode_area PostcodeDistrict
    registration_office registration_district company_registration_date business_registration_type
    birth_rate births_rate race_course race_ground sex_shop sex_offence sex_crime sexual_offences
    sexual_offence_count custody_suite_distance custody_centre address_type address_present
    has_postcode plateau template machine shipping strip zip_zone tip_off phonetics automobile
    immobile mailing terrace terrace_houses embrace bracelet essex middlesex sussex wessex_road
    accusation_level suspected_arson_level sexton_street nominally victimless_offence
    witnessed_level custodian_present passporting_share racecourse racial_incident_kind birthplace
    firstly lasting fullness pedestrian_flow person_robbery robbery_of_personal_property
    theft_from_person first_month last_month full_months first_reported last_seen_month
    home_office_code
    national_park national_code licence_type licensed_premises driving_offences driving_offence_kind
    insurance_type number_of_offences reference_month id event_id record_id row_id cell_id grid_id
    ethnos genderless_area religious_building_near nhs1 churchill crossing croft concrete pnc2
""".split()  # noqa: SIM905

# Texts that hold an identifier, by what they hold.
PERSONAL_TEXTS = {
    "PNC identifiers": ["2001/1234567D", "99/0123456X", "see 1987/7654321K", "PNC 02/3456789A"],
    "criminal record numbers": ["CRO 123456/89A", "12345/01B", "SF 4321/77C"],
    "National Insurance numbers": [
        "AB 12 34 56 C", "AB123456C", "JG103759A", "ni: PA 98 76 54 B", "ab123456c", "YZ001122D",
    ],
    "NHS numbers": ["943 476 5919", "943-476-5919", "NHS 401 023 2137"],
    "driving licence numbers": ["MORGA657054SM9IJ", "JONES710238HA9LC", "FOX99607018JC9WW"],
    "email addresses": [
        "jo.bloggs@example.org", "a@b.co", "Mail: X.Y+z@sub.example.co.uk", "o'neil@example.com",
    ],
    "telephone numbers": [
        "+44 7911 123456", "020 7946 0018", "07911123456", "07911 123 456", "(020) 7946 0018",
        "+44 (0)20 7946 0018", "0044 20 7946 0018", "0161-496-0000", "call 07700 900123",
        "01632 960 123", "+353 20 915 6789", "+12025550143", "0207 946 0018", "+447700900456",
    ],
    "full postcodes": [
        "flat 2, SW1A 1AA", "SW1A1AA", "E1 6AN", "EC1V 4AB", "n1 9gu", "W1A 0AX", "M1 1AE",
        "CR2 6XH",
        "DN55 1PT", "e16an", "Camden NW1 8NH", "B33 8TH",
    ],
    "vehicle registrations": [
        "AB12 CDE", "AB12CDE", "ab12 cde", "VRM LD07 XYZ", "P123 ABC", "white van, KX65 ZZZ",
        "BD51 SMR",
    ],
    "IP addresses": ["from 192.168.10.44", "10.0.0.1", "203.0.113.9", "198.51.100.23"],
    "network addresses of devices": [
        "00:1B:44:11:3A:B7", "00-1b-44-11-3a-b7", "2001:0db8:85a3:0000:0000:8a2e:0370:7334",
    ],
    "dates of birth": ["DOB 01/02/1980", "d.o.b.: 1/2/80", "born 1980-02-01", "Born on 3.4.1971"],
}  # fmt: skip

# Values of marks and offences that look like one and are none.
HARMLESS_TEXTS = [
    "Dwelling", "E01000001", "W06000015", "E09000007", "E02000977", "Shop, on a street",
    "City of London 001A", "Camden 012C", "A", "17", "2024-05", "2024-05-01", "01/05/2024",
    "01-02-2024 10:30", "2024-01-02 10:30:00", "2024-05-01T22:15:00+01:00", "22:15", "10:30:00",
    "01:02:03", "02:30-04:15", "Theft of pedal cycle", "Theft of mobile phone",
    "Theft of a mobile telephone", "Robbery of mobile phone, on a street", "Theft of number plates",
    "Theft of mail", "Email fraud", "Phone snatch", "Sexual offences", "Other theft",
    "Theft from the person", "Violence and sexual offences", "Racially aggravated harassment",
    "Possession of weapons", "Vehicle crime", "Suspect on foot", "Victim known", "Unregistered",
    "Register office", "Registered company", "Company registration fraud", "Custody suite",
    "Number plate recognition site", "250 m", "low", "Flat 12", "Flat 12B", "A40", "A406", "M25",
    "M25 J10", "A40 1st exit", "a40 1st exit", "B1234", "B12", "NW1", "SW1A", "E1", "EC1", "SE10",
    "E17",
    "NW1 8", "SW1A 1", "EC1V 4", "TQ3080", "TQ 300 800", "TQ 30000 80000", "530000 180000",
    "530000,180000", "0530000 0180000", "51.5074, -0.1278", "-0.1278", "8A", "105A", "049/11",
    "28A", "CAD 1234", "4805123/24", "01YD/12", "2401234567", "FY24 JAN", "CY23 DEC", "FY24",
    "Q1 2024",
    "2023/24", "1.2.3", "1.2.3.4", "4.4.1.1", "v2.10", "0501.1", "12/24", "12/24A", "3/24B",
    "ward 12",
    "Ward E05000128", "beat 7A", "Beat NW12", "PC 4", "Unit 3a", "Unit 3A, block B", "10-20",
    "18-24",
    "16 to 24", "0-5 minutes", "100%", "GBP 250", "£1,250", "1,250", "250000", "1234567",
    "12345678",
    "007", "0", "00", "0123", "0800", "24 hours", "24/7", "in24 hrs", "Car park", "Car, parked",
    "Bus route 73", "M1 5KM", "Bus 29 N29", "Platform 12", "Gate 4B", "Bay 22", "Zone 2", "LSOA 21",
    "Census 2021", "IMD 2019", "Grid 25 m", "Line 4, 5", "Mr Whippy van", "Doctor's surgery",
    "Church of St Mary", "Nursery", "@ night", "night @ weekend", "and/or", "N/A", "n/a", "-", "?",
    "Unknown", "Not recorded", "UPRN not recorded", "no phone", "no email", "Yes", "No", "true",
    "Entry by rear window", "Entry by force", "Tool used", "Key used", "Insecure door",
    "Semi-detached", "Bungalow", "HMO", "Betting shop", "Phone shop", "Post office",
    "Sorting office",
    "Barnardo's", "born-again church", "Doberman kennels", "Bob's cafe 12/3", "DOB",
    "SE1/SE16 border",
]  # fmt: skip
