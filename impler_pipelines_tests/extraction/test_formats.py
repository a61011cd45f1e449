"""Formats of feeds in outline: which of their elements is the record, whatever else repeats."""

from __future__ import annotations

import itertools
import re

import pytest

from impler_pipelines.extraction import read_feed

# An outline names an element and how often it comes, and lists what it holds: attributes (@) and
# elements, else a text.
FORMATS = {
    "a head and few items": (
        "reply(answer(page,total,next,time,size,item*2(id,name)))",
        "reply > answer > item",
    ),
    "heureka": (
        (
            "SHOP(SHOPITEM*3(ITEM_ID,PRODUCTNAME,URL,PRICE_VAT,PARAM*4(PARAM_NAME,VAL),"
            "DELIVERY*2(DELIVERY_ID,DELIVERY_PRICE)))"
        ),
        "SHOP > SHOPITEM",
    ),
    "heureka one": (
        "SHOP(SHOPITEM(ITEM_ID,PRODUCTNAME,URL,PRICE_VAT,PARAM*4(PARAM_NAME,VAL)))",
        "SHOP > SHOPITEM",
    ),
    "ceneo": (
        (
            "offers(@version,o*3(@id,@url,@price,@avail,cat,name,imgs(main(@url),i*3(@url)),desc,"
            "attrs(a*5(@name))))"
        ),
        "offers > o",
    ),
    "ceneo group": (
        "offers(group*2(@name,o*3(@id,@url,@price,@avail,cat,name,desc)))",
        "offers > group > o",
    ),
    "bmecat12": (
        (
            "BMECAT(@version,HEADER(CATALOG(LANGUAGE,CATALOG_ID,CATALOG_VERSION),"
            "SUPPLIER(SUPPLIER_NAME,ADDRESS(NAME,STREET))),"
            "T_NEW_CATALOG(CATALOG_GROUP_SYSTEM(GROUP_SYSTEM_ID,CATALOG_STRUCTURE*8(@type,"
            "GROUP_ID,GROUP_NAME,PARENT_ID)),ARTICLE*5(SUPPLIER_AID,"
            "ARTICLE_DETAILS(DESCRIPTION_SHORT,DESCRIPTION_LONG,EAN,KEYWORD*3),"
            "ARTICLE_FEATURES(REFERENCE_FEATURE_SYSTEM_NAME,FEATURE*6(FNAME,FVALUE,FUNIT)),"
            "ARTICLE_ORDER_DETAILS(ORDER_UNIT),ARTICLE_PRICE_DETAILS(ARTICLE_PRICE*3(@price_type,"
            "PRICE_AMOUNT,PRICE_CURRENCY,LOWER_BOUND)),MIME_INFO(MIME*2(MIME_TYPE,MIME_SOURCE))),"
            "ARTICLE_TO_CATALOGGROUP_MAP*10(ART_ID,CATALOG_GROUP_ID)))"
        ),
        "BMECAT > T_NEW_CATALOG > ARTICLE",
    ),
    "bmecat2005": (
        (
            "BMECAT(@version,HEADER(CATALOG(LANGUAGE,CATALOG_ID)),T_NEW_CATALOG(PRODUCT*4(@mode,"
            "SUPPLIER_PID,PRODUCT_DETAILS(DESCRIPTION_SHORT,DESCRIPTION_LONG,INTERNATIONAL_PID),"
            "PRODUCT_FEATURES(REFERENCE_FEATURE_SYSTEM_NAME,FEATURE*9(FNAME,FVALUE)),"
            "PRODUCT_PRICE_DETAILS(PRODUCT_PRICE*2(@price_type,PRICE_AMOUNT,TAX)))))"
        ),
        "BMECAT > T_NEW_CATALOG > PRODUCT",
    ),
    "opentrans": (
        (
            "ORDER(ORDER_HEADER(ORDER_INFO(ORDER_ID,ORDER_DATE,PARTIES(PARTY*2(PARTY_ID,"
            "PARTY_ROLE,ADDRESS(NAME,STREET,CITY))))),ORDER_ITEM_LIST(ORDER_ITEM*3(LINE_ITEM_ID,"
            "PRODUCT_ID(SUPPLIER_PID,DESCRIPTION_SHORT),QUANTITY,ORDER_UNIT)),"
            "ORDER_SUMMARY(TOTAL_ITEM_NUM))"
        ),
        "ORDER > ORDER_ITEM_LIST > ORDER_ITEM",
    ),
    "onix": (
        (
            "ONIXMessage(@release,Header(Sender(SenderName),SentDateTime),"
            "Product*3(RecordReference,NotificationType,ProductIdentifier*2(ProductIDType,"
            "IDValue),DescriptiveDetail(ProductComposition,TitleDetail(TitleType,"
            "TitleElement(TitleText)),Contributor*2(SequenceNumber,ContributorRole,PersonName),"
            "Subject*5(SubjectSchemeIdentifier,SubjectCode)),"
            "ProductSupply(SupplyDetail(Price*3(PriceType,PriceAmount)))))"
        ),
        "ONIXMessage > Product",
    ),
    "trovit": (
        (
            "trovit(ad*3(id,url,title,type,content,price,pictures(picture*4(picture_url,"
            "picture_title))))"
        ),
        "trovit > ad",
    ),
    "indeed": (
        (
            "source(publisher,publisherurl,lastBuildDate,job*3(title,date,referencenumber,url,"
            "company,city,description))"
        ),
        "source > job",
    ),
    "kyero": (
        (
            "root(kyero(feed_version),property*3(id,date,ref,price,type,town,desc(en,es),"
            "images(image*8(@id,url)),features(feature*5)))"
        ),
        "root > property",
    ),
    "openimmo": (
        (
            "openimmo(uebertragung(@art,@version),anbieter(anbieternr,firma,"
            "immobilie*3(objektkategorie(nutzungsart(@WOHNEN),vermarktungsart(@KAUF)),geo(plz,"
            "ort),preise(kaufpreis),flaechen(wohnflaeche,anzahl_zimmer),"
            "anhaenge(anhang*5(@location,anhangtitel,format,daten(pfad))),"
            "verwaltung_techn(objektnr_extern))))"
        ),
        "openimmo > anbieter > immobilie",
    ),
    "xmltv": (
        (
            "tv(@generator-info-name,channel*5(@id,display-name*2,icon(@src)),"
            "programme*40(@start,@stop,@channel,title,desc,category*2))"
        ),
        "tv > programme",
    ),
    "ecb daily": (
        (
            "gesmes:Envelope(gesmes:subject,gesmes:Sender(gesmes:name),Cube(Cube(@time,"
            "Cube*31(@currency,@rate))))"
        ),
        "gesmes:Envelope > Cube > Cube > Cube",
    ),
    "ecb history": (
        (
            "gesmes:Envelope(gesmes:subject,gesmes:Sender(gesmes:name),Cube(Cube*60(@time,"
            "Cube*31(@currency,@rate))))"
        ),
        "gesmes:Envelope > Cube > Cube > Cube",
    ),
    "cap alert": (
        (
            "alert(identifier,sender,sent,status,info*2(language,category,event,urgency,headline,"
            "description,parameter*3(valueName,value),area*2(areaDesc,polygon,"
            "geocode*3(valueName,value))))"
        ),
        "alert > info",
    ),
    "owm forecast": (
        (
            "weatherdata(location(name,country),credit,meta(lastupdate),sun(@rise,@set),"
            "forecast(time*40(@from,@to,symbol(@number,@name),precipitation(@value),"
            "temperature(@unit,@value,@min,@max),humidity(@value))))"
        ),
        "weatherdata > forecast > time",
    ),
    "yr locationforecast": (
        (
            "weatherdata(@created,meta(model(@name,@to)),product(@class,time*30(@datatype,@from,"
            "@to,location(@altitude,@latitude,temperature(@id,@value),windSpeed(@mps)))))"
        ),
        "weatherdata > product > time",
    ),
    "osm": (
        (
            "osm(@version,bounds(@minlat,@maxlat),node*30(@id,@lat,@lon,tag*2(@k,@v)),way*5(@id,"
            "nd*9(@ref),tag*4(@k,@v)),relation(@id,member*5(@type,@ref,@role),tag*3(@k,@v)))"
        ),
        "osm > node",
    ),
    "kml": (
        (
            "kml(Document(name,Style*2(@id,IconStyle(Icon(href))),Placemark*5(name,description,"
            "Point(coordinates),ExtendedData(Data*4(@name,value)))))"
        ),
        "kml > Document > Placemark",
    ),
    "kml folders": (
        (
            "kml(Document(name,Style*2(@id,IconStyle(Icon(href))),Folder*3(name,Placemark*5(name,"
            "description,Point(coordinates)))))"
        ),
        "kml > Document > Folder > Placemark",
    ),
    "kml tour": (
        (
            "kml(Document(name,open,gx:Tour(name,gx:Playlist(gx:FlyTo*5(gx:duration,"
            "Camera(longitude,latitude,altitude,tilt)))),Folder(name,Placemark*3(@id,name,"
            "Point(coordinates)))))"
        ),
        "kml > Document > Folder > Placemark",
    ),
    "gpx track": (
        "gpx(@creator,metadata(name,time),trk(name,trkseg*2(trkpt*40(@lat,@lon,ele,time))))",
        "gpx > trk > trkseg > trkpt",
    ),
    "gpx mixed": (
        "gpx(@creator,wpt*7(@lat,@lon,name),trk*8(name,trkseg(trkpt*37(@lat,@lon,ele,time))))",
        "gpx > trk > trkseg > trkpt",
    ),
    "gpx waypoints": (
        "gpx(@creator,wpt*7(@lat,@lon,name,desc))",
        "gpx > wpt",
    ),
    "wfs": (
        (
            "wfs:FeatureCollection(@numberMatched,wfs:boundedBy(gml:Envelope(gml:lowerCorner,"
            "gml:upperCorner)),wfs:member*4(ns:Station(@gml:id,ns:name,ns:status,"
            "ns:geom(gml:Point(gml:pos)))))"
        ),
        "wfs:FeatureCollection > wfs:member",
    ),
    "marcxml": (
        (
            "collection(record*3(leader,controlfield*4(@tag),datafield*12(@tag,@ind1,"
            "subfield*3(@code))))"
        ),
        "collection > record",
    ),
    "mods": (
        (
            "modsCollection(mods*3(titleInfo(title),name*2(@type,namePart*2,role(roleTerm)),"
            "originInfo(dateIssued),subject*5(topic)))"
        ),
        "modsCollection > mods",
    ),
    "pubmed": (
        (
            "PubmedArticleSet(PubmedArticle*3(MedlineCitation(@Status,PMID,Article(Journal(ISSN,"
            "Title),ArticleTitle,Abstract(AbstractText),AuthorList(Author*6(LastName,ForeName,"
            "Initials,AffiliationInfo(Affiliation))),Language),"
            "MeshHeadingList(MeshHeading*10(DescriptorName))),"
            "PubmedData(ArticleIdList(ArticleId*3(@IdType)),ReferenceList(Reference*20(Citation,"
            "ArticleIdList(ArticleId))))))"
        ),
        "PubmedArticleSet > PubmedArticle",
    ),
    "dblp": (
        (
            "dblp(article*30(@key,@mdate,author*3,title,year,journal,url),inproceedings*20(@key,"
            "author*3,title,year,booktitle))"
        ),
        "dblp > article",
    ),
    "soap": (
        (
            "soap:Envelope(soap:Body(GetProductsResponse(GetProductsResult(Product*4(Id,Name,"
            "Price,Images(string*5))))))"
        ),
        "soap:Envelope > soap:Body > GetProductsResponse > GetProductsResult > Product",
    ),
    "dataset": (
        "NewDataSet(Table*5(ID,Name,City))",
        "NewDataSet > Table",
    ),
    "excel2003": (
        (
            "Workbook(DocumentProperties(Author,Created),Styles(Style*5(@ID,Font(@Name))),"
            "Worksheet(@Name,Table(@Cols,Column*4(@Width),Row*20(Cell*6(Data)))),Worksheet(@Name,"
            "Table(Row*2(Cell*3(Data)))))"
        ),
        "Workbook > Worksheet > Table > Row",
    ),
    "ado": (
        (
            "xml(s:Schema(@id,s:ElementType(@name,s:AttributeType*5(@name,s:datatype(@dt)))),"
            "rs:data(z:row*10(@a,@b,@c,@d)))"
        ),
        "xml > rs:data > z:row",
    ),
    "filemaker": (
        (
            "FMPXMLRESULT(ERRORCODE,PRODUCT(@NAME),DATABASE(@NAME),METADATA(FIELD*6(@NAME,"
            "@TYPE)),RESULTSET(@FOUND,ROW*5(@RECORDID,COL*6(DATA))))"
        ),
        "FMPXMLRESULT > RESULTSET > ROW",
    ),
    "mysqldump": (
        (
            "mysqldump(database(@name,table_structure(@name,field*5(@Field,@Type)),"
            "table_data(@name,row*9(field*5(@name)))))"
        ),
        "mysqldump > database > table_data > row",
    ),
    "mysql": (
        "resultset(@statement,row*9(field*5(@name)))",
        "resultset > row",
    ),
    "phpmyadmin": (
        (
            "pma_xml_export(@version,pma:structure_schemas(pma:database(@name,pma:table*2)),"
            "database(@name,table*9(@name,column*5(@name))))"
        ),
        "pma_xml_export > database > table",
    ),
    "mediawiki": (
        (
            "mediawiki(siteinfo(sitename,namespaces(namespace*18(@key))),page*3(title,ns,id,"
            "revision*6(id,timestamp,contributor(username,id),text)))"
        ),
        "mediawiki > page",
    ),
    "wxr": (
        (
            "rss(channel(title,link,wp:author*2(wp:author_id,wp:author_login),"
            "wp:category*20(wp:term_id,wp:cat_name),wp:tag*30(wp:term_id,wp:tag_slug),"
            "item*4(title,link,wp:post_id,category*3(@domain),wp:postmeta*9(wp:meta_key,"
            "wp:meta_value),wp:comment*5(wp:comment_id,wp:comment_content))))"
        ),
        "rss > channel > item",
    ),
    "prestashop": (
        "prestashop(products(product*5(@id,@xlink:href,name(language*2(@id)),price)))",
        "prestashop > products > product",
    ),
    "magento": (
        "response(products(product*5(id,sku,name,price,categories(category*4))))",
        "response > products > product",
    ),
    "amazon env": (
        (
            "AmazonEnvelope(Header(DocumentVersion,MerchantIdentifier),MessageType,"
            "Message*5(MessageID,OperationType,Product(SKU,Title,DescriptionData(Brand,"
            "BulletPoint*5))))"
        ),
        "AmazonEnvelope > Message",
    ),
    "amazon orders": (
        (
            "ListOrdersResponse(ListOrdersResult(Orders(Order*3(AmazonOrderId,OrderStatus,"
            "ShippingAddress(Name,City),OrderTotal(Amount),"
            "PaymentMethodDetails(PaymentMethodDetail*2)))),ResponseMetadata(RequestId))"
        ),
        "ListOrdersResponse > ListOrdersResult > Orders > Order",
    ),
    "ebay": (
        (
            "GetSellerListResponse(Timestamp,Ack,PaginationResult(TotalNumberOfPages),"
            "ItemArray(Item*5(ItemID,Title,StartPrice(@currencyID),PictureDetails(PictureURL*6),"
            "ShippingDetails(ShippingServiceOptions*3(ShippingService,ShippingServiceCost)))),"
            "ReturnedItemCountActual)"
        ),
        "GetSellerListResponse > ItemArray > Item",
    ),
    "newsml": (
        (
            "newsMessage(header(sent,sender),itemSet(newsItem*4(@guid,catalogRef*3(@href),"
            "rightsInfo(copyrightHolder),itemMeta(itemClass,versionCreated),contentMeta(headline,"
            "subject*8(@qcode,name)),contentSet(inlineXML))))"
        ),
        "newsMessage > itemSet > newsItem",
    ),
    "junit": (
        "testsuites(testsuite*3(@name,@tests,testcase*20(@name,@classname,@time)))",
        "testsuites > testsuite > testcase",
    ),
    "ubl invoice": (
        (
            "Invoice(cbc:ID,cbc:IssueDate,"
            "cac:AccountingSupplierParty(cac:Party(cac:PartyName(cbc:Name),"
            "cac:PostalAddress(cbc:StreetName,cbc:CityName))),cac:TaxTotal(cbc:TaxAmount,"
            "cac:TaxSubtotal*2(cbc:TaxableAmount,cbc:TaxAmount)),cac:InvoiceLine*5(cbc:ID,"
            "cbc:InvoicedQuantity,cbc:LineExtensionAmount,cac:Item(cbc:Name,"
            "cac:ClassifiedTaxCategory(cbc:Percent)),cac:Price(cbc:PriceAmount)))"
        ),
        "Invoice > cac:InvoiceLine",
    ),
    "camt053": (
        (
            "Document(BkToCstmrStmt(GrpHdr(MsgId,CreDtTm),Stmt(Id,Acct(Id(IBAN)),"
            "Bal*2(Tp(CdOrPrtry(Cd)),Amt,Dt(Dt)),Ntry*6(Amt,CdtDbtInd,BookgDt(Dt),"
            "NtryDtls(TxDtls(Refs(EndToEndId),RmtInf(Ustrd)))))))"
        ),
        "Document > BkToCstmrStmt > Stmt > Ntry",
    ),
    "plist": (
        "plist(@version,array(dict*4(key*3,string*3)))",
        "plist > array > dict",
    ),
    "sru": (
        (
            "zs:searchRetrieveResponse(zs:version,zs:numberOfRecords,"
            "zs:records(zs:record*5(zs:recordSchema,zs:recordData(dc:dc(dc:title,dc:creator*3,"
            "dc:subject*4)),zs:recordPosition)))"
        ),
        "zs:searchRetrieveResponse > zs:records > zs:record",
    ),
    "solr": (
        (
            "response(lst(@name,int*2(@name),lst(@name,str*5(@name))),result(@name,@numFound,"
            "doc*10(str*5(@name),arr*2(@name,str*3),date(@name))))"
        ),
        "response > result > doc",
    ),
    "siri": (
        (
            "Siri(ServiceDelivery(ResponseTimestamp,ProducerRef,StopMonitoringDelivery(@version,"
            "ResponseTimestamp,MonitoredStopVisit*6(RecordedAtTime,MonitoringRef,"
            "MonitoredVehicleJourney(LineRef,DestinationName,MonitoredCall(StopPointRef,"
            "ExpectedArrivalTime))))))"
        ),
        "Siri > ServiceDelivery > StopMonitoringDelivery > MonitoredStopVisit",
    ),
    "ota hotel": (
        (
            "OTA_HotelAvailRS(@Version,Success,"
            "RoomStays(RoomStay*4(RoomTypes(RoomType*3(@RoomTypeCode,RoomDescription(Text))),"
            "RatePlans(RatePlan(@RatePlanCode)),RoomRates(RoomRate*5(Rates(Rate*2(@EffectiveDate,"
            "Base(@AmountAfterTax))))),BasicPropertyInfo(@HotelCode,@HotelName))))"
        ),
        "OTA_HotelAvailRS > RoomStays > RoomStay",
    ),
    "xcal": (
        (
            "icalendar(vcalendar(properties(version(text),prodid(text)),"
            "components(vevent*4(properties(uid(text),dtstart(date-time),summary(text))))))"
        ),
        "icalendar > vcalendar > components > vevent",
    ),
    "webdav": (
        (
            "D:multistatus(D:response*4(D:href,D:propstat*2(D:prop(D:displayname,"
            "D:getlastmodified),D:status)))"
        ),
        "D:multistatus > D:response",
    ),
    "s3": (
        (
            "ListBucketResult(Name,Prefix,MaxKeys,IsTruncated,Contents*9(Key,LastModified,ETag,"
            "Size,StorageClass,Owner(ID,DisplayName)))"
        ),
        "ListBucketResult > Contents",
    ),
    "azure": (
        (
            "EnumerationResults(@ContainerName,Prefix,Blobs(Blob*4(Name,Url,"
            "Properties(Last-Modified,Etag,Content-Length))),NextMarker)"
        ),
        "EnumerationResults > Blobs > Blob",
    ),
    "tmx": (
        "tmx(@version,header(@srclang,@adminlang),body(tu*5(@tuid,tuv*3(@xml:lang,seg))))",
        "tmx > body > tu",
    ),
    "xliff": (
        (
            "xliff(@version,file*2(@original,header(tool(@tool-id)),body(trans-unit*10(@id,"
            "source,target,note))))"
        ),
        "xliff > file > body > trans-unit",
    ),
    "android": (
        "resources(string*30(@name))",
        "resources > string",
    ),
    "stackexchange": (
        "posts(row*9(@Id,@PostTypeId,@CreationDate,@Score))",
        "posts > row",
    ),
    "awin": (
        (
            "cafProductFeed(datafeed(@id,@merchantId,prod*5(@id,brand(brandName),cat(awCatId,"
            "mCat),price(@curr,buynow),text(name,desc),uri(awTrack,mImage),pId)))"
        ),
        "cafProductFeed > datafeed > prod",
    ),
    "tradetracker": (
        (
            "products(product*5(@ID,name,price(@currency),URL,images(image*3),"
            "categories(category*2(@path)),properties(property*9(@name,value))))"
        ),
        "products > product",
    ),
    "skroutz": (
        (
            "mywebstore(created_at,products(product*5(id,name,link,image,category,price,"
            "additionalimage*4,variations(variation*3(variationid,availability,size)))))"
        ),
        "mywebstore > products > product",
    ),
    "zap": (
        (
            "ListingDataFeed(Header(Provider,Email),Listings(Listing*3(ListingID,Title,"
            "Media(Item*9(@medium,@primary)),Details(PropertyType,ListPrice,Features(Feature*6)),"
            "Location(Country,State))))"
        ),
        "ListingDataFeed > Listings > Listing",
    ),
    "mobile.de": (
        (
            "ad:search-result(ad:total,ad:page-size,ad:ads(ad:ad*3(@key,@url,"
            "ad:creation-date(@value),ad:vehicle(ad:class(@key),ad:make(@key),"
            "ad:features(ad:feature*9(@key))),ad:images(ad:image*5(ad:representation*3(@size,"
            "@url))))))"
        ),
        "ad:search-result > ad:ads > ad:ad",
    ),
    "google news sitemap": (
        (
            "urlset(url*3(loc,news:news(news:publication(news:name,news:language),"
            "news:publication_date,news:title)))"
        ),
        "urlset > url",
    ),
    "sitemap hreflang": (
        "urlset(url*3(loc,lastmod,xhtml:link*12(@rel,@hreflang,@href),image:image*5(image:loc)))",
        "urlset > url",
    ),
    "podcast": (
        (
            "rss(channel(title,itunes:category*3(@text,itunes:category(@text)),"
            "podcast:person*4(@role),item*2(title,enclosure(@url,@length),podcast:chapters(@url),"
            "psc:chapters(psc:chapter*20(@start,@title)),podcast:transcript*3(@url))))"
        ),
        "rss > channel > item",
    ),
    "media groups": (
        "rss(channel(item*2(title,media:group*2(media:content*5(@url),media:thumbnail*3(@url)))))",
        "rss > channel > item",
    ),
    "currencies cbr": (
        "ValCurs(@Date,@name,Valute*34(@ID,NumCode,CharCode,Nominal,Name,Value))",
        "ValCurs > Valute",
    ),
    "currencies tcmb": (
        "Tarih_Date(@Tarih,@Date,Currency*22(@CrossOrder,@Kod,Unit,Isim,CurrencyName,ForexBuying))",
        "Tarih_Date > Currency",
    ),
    "currencies floatrates": (
        (
            "channel(title,link,xmlLink,description,language,baseCurrency,pubDate,item*150(title,"
            "link,baseCurrency,targetCurrency,exchangeRate))"
        ),
        "channel > item",
    ),
    "boe": (
        (
            "sumario(meta(pub,anno,fecha),diario(@nbo,sumario_nbo(@id,urlPdf),seccion*4(@num,"
            "@nombre,departamento*3(@nombre,epigrafe*2(@nombre,item*2(@id,titulo,urlPdf,"
            "urlHtm))))))"
        ),
        "sumario > diario > seccion > departamento > epigrafe > item",
    ),
    "ted": (
        "search(total,results(result*5(id,title,date,links(link*24(@lang)))))",
        "search > results > result",
    ),
    "legco schedule": (
        "schedule(day*5(@date,event*6(@id,start,title,room,persons(person*2(@id)))))",
        "schedule > day > event",
    ),
    "pentabarf": (
        (
            "schedule(conference(title,days),day*2(@date,room*3(@name,event*6(@id,start,duration,"
            "title,abstract,persons(person*2(@id)),links(link*2(@href))))))"
        ),
        "schedule > day > room > event",
    ),
    "menus": (
        "menus(menu*5(@date,dish*4(name,price,allergen*3)))",
        "menus > menu > dish",
    ),
    "library books": (
        "library(section*3(@name,book*4(@isbn,title,author*2,price)))",
        "library > section > book",
    ),
    "employees": (
        "company(name,department*3(@name,manager,employee*8(@id,name,email,skills(skill*5))))",
        "company > department > employee",
    ),
    "orders": (
        "orders(order*4(@id,customer(name,email),items(item*6(sku,qty,price)),total))",
        "orders > order",
    ),
    "invoice list": (
        (
            "Invoices(Invoice*3(Number,Date,Customer(Name,Address(Street,City)),"
            "Lines(Line*9(Article,Quantity,Price,Tax)),Total))"
        ),
        "Invoices > Invoice",
    ),
    "students": (
        "school(student*4(name,grades(grade*10(subject,mark))))",
        "school > student",
    ),
    "nested same name": (
        "categories(category*3(id,name,category*4(id,name,category*3(id,name))))",
        "categories > category",
    ),
    "comments thread": (
        "comments(comment*4(id,text,replies(comment*5(id,text))))",
        "comments > comment",
    ),
    "single product": (
        "catalog(product(id,name,price,images(image*6(@url))))",
        "catalog > product",
    ),
    "paged": (
        "response(page,total,next,results(object*4(id,name,tags(tag*9))))",
        "response > results > object",
    ),
    "nuget": (
        "feed(id,title,entry*3(id,title,m:properties(d:Version,d:Tags)))",
        "feed > entry",
    ),
    "gbfs stations": (
        "stations(@lastUpdate,@version,station*30(id,name,lat,long,nbBikes,nbEmptyDocks))",
        "stations > station",
    ),
    "traffic datex": (
        (
            "d2LogicalModel(exchange(supplierIdentification(country)),payloadPublication(@type,"
            "publicationTime,situation*4(@id,overallSeverity,situationRecord*2(@id,"
            "situationRecordCreationTime,severity,groupOfLocations(locationForDisplay(latitude,"
            "longitude))))))"
        ),
        "d2LogicalModel > payloadPublication > situation",
    ),
    "earthquakes quakeml": (
        (
            "q:quakeml(eventParameters(@publicID,event*5(@publicID,description(type,text),"
            "origin*2(@publicID,time(value),longitude(value),latitude(value)),"
            "magnitude*3(mag(value),type),pick*20(time(value),waveformID(@stationCode)))))"
        ),
        "q:quakeml > eventParameters > event",
    ),
    "recipes": (
        (
            "recipes(recipe*3(title,ingredient*9(@name,@amount),preparation(step*5),"
            "nutrition(@calories)))"
        ),
        "recipes > recipe",
    ),
}
# Those whose record is found where there is but one, too.
ALONE = {
    "heureka",
    "ceneo",
    "bmecat12",
    "bmecat2005",
    "onix",
    "trovit",
    "indeed",
    "kyero",
    "openimmo",
    "xmltv",
    "ecb daily",
    "ecb history",
    "cap alert",
    "kml",
    "kml folders",
    "kml tour",
    "gpx track",
    "gpx mixed",
    "gpx waypoints",
    "wfs",
    "marcxml",
    "mods",
    "pubmed",
    "soap",
    "dataset",
    "excel2003",
    "ado",
    "mysqldump",
    "phpmyadmin",
    "mediawiki",
    "wxr",
    "prestashop",
    "magento",
    "amazon env",
    "amazon orders",
    "ebay",
    "newsml",
    "junit",
    "ubl invoice",
    "camt053",
    "sru",
    "solr",
    "ota hotel",
    "xcal",
    "webdav",
    "s3",
    "azure",
    "tmx",
    "xliff",
    "stackexchange",
    "awin",
    "tradetracker",
    "skroutz",
    "zap",
    "mobile.de",
    "google news sitemap",
    "sitemap hreflang",
    "podcast",
    "media groups",
    "currencies cbr",
    "currencies tcmb",
    "currencies floatrates",
    "ted",
    "orders",
    "invoice list",
    "nested same name",
    "comments thread",
    "paged",
    "nuget",
    "gbfs stations",
    "earthquakes quakeml",
    "recipes",
}
_TOKEN = re.compile(r"[(),]|[^(),]+")

Node = tuple[str, int, list["Node"]]


def document(outline: str) -> bytes:
    """The document of an outline; each of its values is another one."""
    tokens = _TOKEN.findall(outline)
    numbers = itertools.count()
    [root] = _nodes(tokens)
    return _written(root, numbers).encode()


def _nodes(tokens: list[str]) -> list[Node]:
    """The elements and attributes up to the bracket that closes the list; they leave ``tokens``."""
    found: list[Node] = []
    while tokens and (token := tokens.pop(0)) != ")":
        if token == "(":
            found[-1][2].extend(_nodes(tokens))
        elif token != ",":
            name, _, count = token.partition("*")
            found.append((name, int(count or 1), []))
    return found


def _written(node: Node, numbers: itertools.count[int]) -> str:
    name, count, inside = node
    out = []
    for _ in range(count):
        attributes = [f' {n[1:]}="{next(numbers)}"' for n, _, _ in inside if n.startswith("@")]
        elements = [_written(child, numbers) for child in inside if not child[0].startswith("@")]
        text = "" if inside else str(next(numbers))
        out.append(f"<{name}{''.join(attributes)}>{''.join(elements)}{text}</{name}>")
    return "".join(out)


@pytest.mark.parametrize("name", FORMATS)
def test_the_record_of_each(name: str) -> None:
    outline, path = FORMATS[name]
    reading = read_feed(document(outline))
    assert reading.record_path == path
    assert reading.record_count == len(list(reading.records())) > 0


@pytest.mark.parametrize("name", sorted(ALONE))
def test_one_alone(name: str) -> None:
    outline, path = FORMATS[name]
    record = path.rpartition(" > ")[2]
    reading = read_feed(document(re.sub(re.escape(record) + r"\*\d+\(", f"{record}(", outline)))
    assert reading.record_path == path
